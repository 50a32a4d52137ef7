package graph

// The forms of text that the tests look at.
var AppendText, TextLen = appendText, textLen
