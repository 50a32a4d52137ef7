// Package engine is a reference staging engine: what stands behind a gateway when no portal is at
// hand. It keeps sites with pages, articles and documents in its own SQLite, exports them as LAR
// archives, imports archives that came over the tunnel, and answers the staging calls of the
// vendor's lines with the vendor's exceptions, permissions and weaknesses.
//
// One thing is better than in the original, on purpose: everything is validated before anything is
// touched, and an import is one transaction. A kill at any byte leaves nothing of it or all of it,
// and the execution ledger, whose row is written in the same transaction, says which.
//
// It is a facade over four rooms: content keeps what a site is made of, lar moves it in and out of
// archives, staging is what live does for its publishers, servlet is the Liferay face.
package engine
