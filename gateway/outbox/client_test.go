package outbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/outbox"
	"github.com/stagelock/stagelock/tunnel/signed"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// hoard is the other end of a large content.
type hoard struct {
	have, most int64 // it keeps no more than that
	got        bytes.Buffer
}

func (h *hoard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut {
		n, err := io.Copy(&h.got, r.Body)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(r.URL.Path, fmt.Sprintf("/%d/%d", h.have, 16<<20)) {
			return nil, fmt.Errorf("sent to %s behind %d", r.URL.Path, h.have)
		}
		h.have = min(h.have+n, h.most)
	}
	answer, err := json.Marshal(outbox.Part{Have: h.have})
	if err != nil {
		return nil, err
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(answer)), Request: r}
	signed.Answer(resp.Header, r, http.StatusOK, answer, keyOf(2))
	return resp, nil
}

func TestALargeContentGoesOnWhereItBrokeOff(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 16<<16)
	send := func(h *hoard) (int64, error) {
		c := outbox.Client{URL: "https://live", Peer: serverOf(2), Key: keyOf(1), HTTP: &http.Client{Transport: h}, Now: time.Now}
		return c.Blob(t.Context(), sync.DigestOf([]byte(text)), int64(len(text)), strings.NewReader(text))
	}
	for _, from := range []int64{0, 1, 8 << 20, 16 << 20} {
		h := &hoard{have: from, most: 16 << 20}
		if sent, err := send(h); err != nil || sent != 16<<20-from || h.got.String() != text[from:] {
			t.Errorf("from %d on: sent %d, %v", from, sent, err)
		}
	}
	stuck := &hoard{have: 8 << 20, most: 8 << 20}
	if sent, err := send(stuck); err == nil || sent != 4<<20 {
		t.Errorf("one that does not grow: sent %d, %v", sent, err)
	}
}
