// Package liferay reads and writes the calls of Liferay's remote staging tunnel: POST
// /api/liferay/do with one serialized object each way.
//
// A request is read with Read: the body streams through a strict decoder whose shapes come from
// recordings of seven builds (schema, made by go generate), the method key is parsed down to
// its class tags, and the arguments become plain values. The content of a part is handed on while
// it arrives; everything behind it is kept until the whole call is known. A reply is read with
// ReadReply against what the method returns. Requests and replies of each version line can be
// written as well.
//
// Nothing in here decides what is allowed beyond what the wire itself can say: that is policy.
package liferay

//go:generate go run ./gen -out schema
