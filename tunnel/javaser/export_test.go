package javaser

// For tests of the text codec alone.
var (
	DecodeText = decodeText
	AppendText = appendText
	TextLen    = textLen
)
