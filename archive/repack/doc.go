// Package repack writes an archive that is only oddly packed anew in the accepted form.
package repack
