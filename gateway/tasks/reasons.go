package tasks

import (
	"errors"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// Reasons of this wire. Those that every wire has are visit's, those of a head http1's.
const (
	reasonPath   tunnel.Reason = "path.unknown"
	reasonBusy   tunnel.Reason = "quota.calls"
	reasonCut    tunnel.Reason = "client.cut"
	reasonFault  tunnel.Reason = "gateway.fault"
	reasonEcho   tunnel.Reason = "task.echo"
	reasonTarget tunnel.Reason = "task.target" // it cannot be reached
	reasonTurned tunnel.Reason = "task.turned" // the gateway before it did not take the task
	reasonLost   tunnel.Reason = "task.lost"   // no answer
	reasonReply  tunnel.Reason = "task.reply"  // an answer that is none

	// The rules of the wire.
	reasonTaskCall        tunnel.Reason = "task.call"
	reasonTaskMalformed   tunnel.Reason = "task.malformed"
	reasonTaskTooLarge    tunnel.Reason = "task.too-large"
	reasonTaskEnvelope    tunnel.Reason = "task.envelope"
	reasonTaskCredentials tunnel.Reason = "task.credentials"
	reasonTaskStale       tunnel.Reason = "task.stale"
	reasonTaskReplay      tunnel.Reason = "task.replay"
	reasonTaskEmptySecret tunnel.Reason = "task.empty-secret"
	reasonTaskNoPassword  tunnel.Reason = "task.no-password"
	reasonTaskClass       tunnel.Reason = "task.class"
	reasonTaskForm        tunnel.Reason = "task.form"
	reasonTaskDenied      tunnel.Reason = "task.denied"
	reasonTaskUser        tunnel.Reason = "task.user"
	reasonTaskServers     tunnel.Reason = "task.servers"
	reasonTaskLoop        tunnel.Reason = "task.loop"
	reasonTaskData        tunnel.Reason = "task.data"
	reasonTaskTable       tunnel.Reason = "task.table"
	reasonTaskPath        tunnel.Reason = "task.path"
	reasonTaskFile        tunnel.Reason = "task.file"
)

var errNoNode = errors.New("no node of the engine is up")

// reasons are the rules of the wire as the catalogue has them.
var reasons = map[refusal.Code]tunnel.Reason{
	refusal.NotProfile:  reasonTaskCall,
	refusal.Malformed:   reasonTaskMalformed,
	refusal.TooLarge:    reasonTaskTooLarge,
	refusal.BadEnvelope: reasonTaskEnvelope,
	refusal.Credentials: reasonTaskCredentials,
	refusal.Stale:       reasonTaskStale,
	refusal.Replay:      reasonTaskReplay,
	refusal.Bypass2746:  reasonTaskEmptySecret,
	refusal.Bypass2747:  reasonTaskNoPassword,
	refusal.Class10068:  reasonTaskClass,
	refusal.BadTask:     reasonTaskForm,
	refusal.TaskDenied:  reasonTaskDenied,
	refusal.UserDenied:  reasonTaskUser,
	refusal.BadServers:  reasonTaskServers,
	refusal.Loop:        reasonTaskLoop,
	refusal.BadData:     reasonTaskData,
	refusal.TableDenied: reasonTaskTable,
	refusal.Path2749:    reasonTaskPath,
	refusal.BadFile:     reasonTaskFile,
}

// Reason returns the reason under which a broken rule of the wire is recorded.
func Reason(code refusal.Code) tunnel.Reason { return reasons[code] }

// statuses are those of a sender that is not authenticated, as kinds of answers.
var statuses = map[int]tunnel.Code{
	0: tunnel.Refused, 400: tunnel.BadRequest, 404: tunnel.NotFound, 405: tunnel.BadMethod, 411: tunnel.NoLength,
	413: tunnel.TooLarge, 415: tunnel.BadRequest,
}

// refused is what a rule of the wire found.
func refused(r *refusal.Error) *tunnel.Problem {
	return &tunnel.Problem{Code: statuses[r.Status], Reason: reasons[r.Code], Msg: r.Why, Err: r}
}

func problem(code tunnel.Code, reason tunnel.Reason, msg string, err error) *tunnel.Problem {
	return &tunnel.Problem{Code: code, Reason: reason, Msg: msg, Err: err}
}
