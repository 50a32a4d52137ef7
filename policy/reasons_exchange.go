package policy

// exchangeReasons are found between servers that keep each other's content alike. They travel in
// answers to a gateway, not to a publisher.
var exchangeReasons = []Reason{
	{Code: "exchange.needs", Level: Info,
		Meaning: "what the change needs, such as the folder it lies in, has not arrived yet",
		Cure:    "nothing: it is tried again when that arrived; if it never does, send it with sync baseline"},
	{Code: "exchange.kept", Level: Info,
		Meaning: "the object cannot be deleted while something hangs on it",
		Cure:    "nothing: it is tried again when that is gone; delete there what hangs on it if it is to go"},
	{Code: "exchange.moved", Level: Info,
		Meaning: "somebody edited the object in the moment in which the change was to be written",
		Cure:    "nothing: it is tried again, and is a conflict then"},
	{Code: "exchange.engine", Level: Warn,
		Meaning: "the engine behind the gateway did not carry the change out",
		Cure:    "look at that engine; the change is tried again"},
	{Code: "exchange.schema", Level: Warn,
		Meaning: "the engine refuses the object, whenever it is tried",
		Cure:    "correct the object where it was edited, or give the change up with sync drop"},
}
