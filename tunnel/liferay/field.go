package liferay

import "github.com/stagelock/stagelock/tunnel/javaser/graph"

// Text returns a string field of the model that was answered, and false if there is none of that
// name or it is null.
func (r *Reply) Text(field string) (string, bool) {
	o, isObject := r.root.(*graph.Object)
	if !isObject {
		return "", false
	}
	return graph.Text(o.Ref(field))
}

// Long returns a field of the model that was answered that is a number or a boolean, and false if
// there is none of that name.
func (r *Reply) Long(field string) (int64, bool) {
	o, isObject := r.root.(*graph.Object)
	if !isObject || o.Class.Index(field) < 0 {
		return 0, false
	}
	return int64(o.Bits(field)), true
}
