package cluster

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/stagelock/stagelock/conf"
)

// own are the settings that may differ from gateway to gateway.
var own = []string{"listen", "data", "cluster.node", "cluster.key_file", "cluster.postgres.", "tls.", "log.", "audit.",
	"admin.", "engine.liferay.", "drain"}

// Digest identifies what a configuration says that must be the same on every gateway: what passes at one
// of them must pass at each. Secrets count too, under the key that the gateways share.
func Digest(c *conf.Config) string {
	h := sha256.New()
	for _, s := range c.Effective() {
		if !differs(s.Path) {
			fmt.Fprintf(h, "%s=%s\n", s.Path, s.Value)
		}
	}
	key, err := hkdf.Key(sha256.New, firstKey(c), nil, "configuration", KeyBytes)
	if err != nil {
		key = nil
	}
	secret := func(path string, k conf.Key) {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(k.Value.Reveal()))
		fmt.Fprintf(h, "%s=%x\n", path, m.Sum(nil))
	}
	secret("engine", c.Engine.Upstream.Secret)
	for _, p := range c.Peers {
		secret(p.Name, p.Secret.Key)
		secret(p.Name+" before", p.Secret.Previous)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func differs(path string) bool {
	for _, prefix := range own {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return strings.HasSuffix(path, ".file") || strings.HasSuffix(path, ".value")
}

// firstKey is the key that seals; nil if there is none.
func firstKey(c *conf.Config) []byte {
	for _, key := range c.ClusterKeys() {
		return key
	}
	return nil
}
