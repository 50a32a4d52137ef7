package calls

import "strconv"

func (j *judgement) requestID() string { return strconv.FormatInt(j.facts.Request, 10) }

// requestOwned demands a request that a create of this login made, for a site of this peer. The
// engine asks for permission on the request's folder only, and that can be any document folder.
func requestOwned(j *judgement) *Refusal {
	if j.decision == AnswerVoid {
		return nil
	}
	r := &j.known.Request
	switch {
	case !r.Known:
		return refuse(RequestUnknown, "the staging request "+j.requestID()+" was not made through this gateway",
			"%s of request %s", j.rule.Method, j.requestID())
	case !r.createdBy(j.call.HeaderLogin):
		return refuse(RequestLogin, "the staging request "+j.requestID()+" belongs to another publisher",
			"%s of request %s, login %s, created by %d others", j.rule.Method, j.requestID(),
			quote(j.call.HeaderLogin), len(r.Logins))
	case !j.peer.allows(r.Site):
		return j.siteDenied(r.Site)
	}
	return nil
}

// requestLives refuses to work on a request whose folder the engine has deleted.
func requestLives(j *judgement) *Refusal {
	if !j.known.Request.CleanedUp {
		return nil
	}
	return refuse(RequestCleaned, "the staging request "+j.requestID()+" was already cleaned up",
		"%s of request %s", j.rule.Method, j.requestID())
}

// requestGone answers the cleanUp of a request that is not there, or no longer, instead of the
// engine: clients send it whatever happened, and an exception would turn a finished publish into a
// failed one.
func requestGone(j *judgement) *Refusal {
	if !j.known.Request.Known || j.known.Request.CleanedUp && j.known.Request.createdBy(j.call.HeaderLogin) {
		j.decision = AnswerVoid
	}
	return nil
}

// requestSpared answers the cleanUp of a publisher whose create met another one's request, before a part of
// either was there: carried out it would delete what the other one publishes.
func requestSpared(j *judgement) *Refusal {
	if j.decision == Forward && !j.known.Request.ownedBy(j.call.HeaderLogin) {
		j.decision = Spare
	}
	return nil
}

// checksumForm demands an MD5 as the vendor writes it: it becomes the name of a folder.
func checksumForm(j *judgement) *Refusal {
	sum := j.facts.Checksum
	if isChecksum(sum) {
		return nil
	}
	return refuse(ChecksumForm, "the checksum of the archive is not 32 lower-case hex digits", "checksum %s", quote(sum))
}

func isChecksum(s string) bool {
	if len(s) != 32 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
