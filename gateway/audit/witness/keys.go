package witness

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

// keysPath is where the public keys of the gateways stand in the store, each below its gateway's name.
const keysPath = "audit/keys"

// NodeKey is the public key with which a gateway signs.
type NodeKey struct {
	Node string
	Key  ed25519.PublicKey
}

// keyHash tells a key from others, as signatures do.
func keyHash(pub ed25519.PublicKey) (uint32, error) {
	text, err := chain.FormatKey(pub)
	if err != nil {
		return 0, err
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return 0, err
	}
	return v.KeyHash(), nil
}

// PublishKey tells the other gateways the key that node signs with.
func PublishKey(ctx context.Context, values store.Values, node string, pub ed25519.PublicKey) error {
	text, err := chain.FormatKey(pub)
	if err != nil {
		return err
	}
	hash, err := keyHash(pub)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%s/%x/%08x", keysPath, node, hash)
	if known, err := values.Load(ctx, key); err == nil && string(known) == text {
		return nil
	}
	return values.Store(ctx, key, []byte(text))
}

// StoredKeys returns the keys that the gateways told each other. Whoever can write the store can add
// some: those that were seen before are in the file that ReadKeys reads.
func StoredKeys(ctx context.Context, values store.Values) ([]NodeKey, error) {
	paths, err := values.List(ctx, keysPath, true)
	if err != nil {
		return nil, err
	}
	var all []NodeKey
	for _, path := range paths {
		parts := strings.Split(strings.TrimPrefix(path, keysPath+"/"), "/")
		if len(parts) != 2 {
			continue
		}
		name, err := hex.DecodeString(parts[0])
		if err != nil {
			return nil, fmt.Errorf("the key of a gateway at %q: %w", path, err)
		}
		text, err := values.Load(ctx, path)
		if err != nil {
			return nil, err
		}
		pub, err := chain.ParseKey(string(text))
		if err != nil {
			return nil, fmt.Errorf("the key of gateway %q: %w", name, err)
		}
		all = append(all, NodeKey{string(name), pub})
	}
	return all, nil
}

// ReadKeys returns the keys in the file in which a gateway notes those that it has seen; none if there
// is no such file.
func ReadKeys(path string) ([]NodeKey, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []NodeKey
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
		k, err := parseNodeKey(sc.Text())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, k)
	}
	return all, nil
}

func parseNodeKey(line string) (NodeKey, error) {
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil {
		return NodeKey{}, fmt.Errorf("%q is not the name of a gateway and its key", line)
	}
	name, err := strconv.Unquote(quoted)
	if err != nil {
		return NodeKey{}, err
	}
	pub, err := chain.ParseKey(line[len(quoted):])
	return NodeKey{name, pub}, err
}

// writeKeys notes the keys that were seen.
func writeKeys(path string, all []NodeKey) error {
	var b bytes.Buffer
	for _, k := range all {
		text, err := chain.FormatKey(k.Key)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s\n", strconv.QuoteToASCII(k.Node), text)
	}
	return files.Replace(path, b.Bytes(), 0o644)
}

// merge adds the keys of more that are not in all, and returns them too.
func merge(all, more []NodeKey) (merged, added []NodeKey) {
	for _, k := range more {
		known := false
		for _, old := range all {
			known = known || old.Node == k.Node && old.Key.Equal(k.Key)
		}
		if !known {
			all, added = append(all, k), append(added, k)
		}
	}
	return all, added
}

// verifiers returns what knows the signatures of all of them.
func verifiers(all []NodeKey) (note.Verifiers, error) {
	keys := make([]ed25519.PublicKey, len(all))
	for i, k := range all {
		keys[i] = k.Key
	}
	return chain.Verifiers(keys)
}
