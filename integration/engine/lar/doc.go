// Package lar moves a site's content in and out of LAR archives: it exports what a site has, holds
// an archive that arrived to the portal and the site in the vendor's order, and imports it in one
// transaction after everything was validated.
package lar
