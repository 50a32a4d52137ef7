// Package secret decides whose Authorization header is genuine: the shared secret of the staging
// tunnel.
//
// A header is Basic base64(login ":" token), and the token is base64(cipher(login)) under a key
// that both sides know: AES, Blowfish or DESede in ECB mode with PKCS#5 padding, or, from engines
// in FIPS mode, AES-GCM as iv(12) ciphertext tag(16).
//
// # What a token proves
//
// It covers neither body nor time: a captured header works until the key changes, so it is to be
// seen under TLS only. And in ECB mode its blocks can be moved: whoever holds the tokens of
// alice.publisher@a.example and of bob.publisher.x@b.example can make the one of
// alice.publisher@b.example, as the first 16 bytes of each are a block of their own. No check of
// the token can tell. Two measures narrow it: a list of logins (VerifierConfig.Logins), and the
// refusal of logins that no portal has.
//
// # Rotation
//
// A Verifier holds the current key and previous ones and does the same work for each. It remembers
// headers that it found genuine; there is one Verifier for each peer, and a new one after each
// change, so nothing that was remembered outlives a key.
//
// All comparisons take constant time. Nothing here is printed: a Key and a KeyConfig show their id
// and hide the rest.
package secret
