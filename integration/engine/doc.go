// Package engine is a reference staging engine: what stands behind a gateway when no portal is at
// hand. It keeps sites with pages, articles and documents in its own SQLite, exports them as LAR
// archives, imports archives that came over the tunnel, and answers the staging calls of the
// vendor's lines with the vendor's exceptions, permissions and weaknesses: an unknown method is an
// empty 200, a counter is not idempotent, and an import goes to the site that the settings name.
//
// One thing is better than in the original, on purpose: everything is validated before anything is
// touched, and an import is one transaction. A kill at any byte leaves nothing of it or all of it,
// and the execution ledger, whose row is written in the same transaction, says which.
//
// Two things it does not copy: bodies are read by the strict reader of tunnel/liferay, so that what
// no client writes is an empty 200 instead of a call, and 6.2's habit of carrying out calls without
// credentials is left out.
package engine
