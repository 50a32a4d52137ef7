package syncserver

// Judge says whether the peer may send a task of that type with rows of those tables, whatever is in them;
// without tables, with a row of the first that belongs to it. The error is a *refusal.Error.
func (p Peer) Judge(kind, object string, rows []string) error {
	t := Task{Type: kind, ObjectType: Text{Set: object != "", Value: object}, Servers: []string{p.Name}}
	if len(rows) == 0 {
		rows = p.allowed(about(t))[:min(1, len(p.allowed(about(t))))]
	}
	for _, table := range rows {
		t.Data.Rows = append(t.Data.Rows, Row{Table: table, Columns: []Column{{Name: "A"}}})
	}
	if !p.RunAs.Set {
		for name, guid := range p.Users { // any of them: as whom is not asked
			t.UserName, t.UserGUID = Text{Set: true, Value: name}, guid
			break
		}
	}
	_, err := p.judge(t, DefaultLimits())
	return err
}
