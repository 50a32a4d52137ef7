package servlet

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// errToken is what a header without a good token is.
var errToken = errors.New("the token is not that of the login")

// Tokens returns the VerifyFunc of an engine whose callers make their token of the login with that
// func, as the shared secret does it. From 7.0 on the login is decoded first.
func Tokens(line string, token func(login string) string) VerifyFunc {
	return func(authorization string) (string, error) {
		scheme, credentials, _ := strings.Cut(authorization, " ")
		if !strings.EqualFold(scheme, "Basic") {
			return "", errToken
		}
		text, err := base64.StdEncoding.DecodeString(credentials)
		if err != nil {
			return "", err
		}
		login, sent, _ := strings.Cut(string(text), ":")
		if line != "6.2" {
			if login, err = url.QueryUnescape(login); err != nil {
				return "", err
			}
		}
		if sent == "" || subtle.ConstantTimeCompare([]byte(sent), []byte(token(login))) != 1 {
			return "", errToken
		}
		return login, nil
	}
}
