// Package servlet is the Liferay face of the engine: it reads calls from POST /api/liferay/do,
// dispatches them by service, method and parameter types, and answers in the objects and with the
// exceptions that the vendor's line has. What the rest of the engine calls by the domain's names gets
// the vendor's here and nowhere else.
//
// An unknown method is an empty 200, and nothing is filtered: that is what the gateway is for. Two
// habits it does not copy: bodies are read by the strict reader of tunnel/liferay, so that what no
// client writes is an empty 200 instead of a call, and 6.2's habit of carrying out calls without
// credentials is left out.
package servlet
