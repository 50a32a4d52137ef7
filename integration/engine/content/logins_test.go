package content_test

import (
	"testing"

	"github.com/stagelock/stagelock/integration/engine/content"
)

func TestLoginsOfAUser(t *testing.T) {
	u := content.User{ID: 7, Email: "anna@example.com", ScreenName: "anna"}
	for by, want := range map[content.LoginBy]string{"": u.Email, content.ByMail: u.Email, content.ByScreenName: "anna", content.ByID: "7"} {
		if got := by.Login(u); got != want || !by.Valid() {
			t.Errorf("%q: %q, want %q", by, got, want)
		}
	}
	if content.LoginBy("shoe size").Valid() {
		t.Error("there is no such login")
	}
}
