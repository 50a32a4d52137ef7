// Package markup reads XML as strictly as a gateway may: UTF-8, no document type, no instruction, no
// comment, no entity but the five, each name resolved, each element either text or children, and bounded
// in depth and number. It is for tunnel/syncserver alone.
package markup
