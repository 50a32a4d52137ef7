package policy

// streamReasons are found while the serialized call is read, and in replies: only what a Java writer
// writes, of classes that staging knows, is read.
var streamReasons = []Reason{
	stream("header", "the body does not begin as a Java object stream of version 5"),
	stream("tag", "a type code stands where it has no business"),
	stream("slot", "a value stands where it may not"),
	stream("class", "a class stands where it may not"),
	stream("shape", "a class is described otherwise than it is"),
	stream("twice", "a class is described twice, or a field or key stands twice"),
	stream("annotation", "there is data in a class annotation"),
	stream("handle", "a reference leads to nothing, or to something unfit or unfinished"),
	stream("sealed", "a reference leads to the password, which is taken out on the way"),
	stream("text", "text is written in a form that no Java writer uses"),
	stream("length", "a length is written in a form that no Java writer uses"),
	stream("map", "the data of a map or list does not fit its size, or its keys mix classes"),
	stream("depth", "objects are nested deeper than staging nests them"),
	stream("limit", "there are more objects, classes, elements or bytes than a call may hold"),
	stream("weight", "shared containers expand to more than a call may hold"),
	stream("trailing", "there are bytes behind the object"),
	stream("truncated", "the stream ends before the object does"),
}

// stream is a reason of the reader. What it means is the same for all: nobody's client writes that.
func stream(name, meaning string) Reason {
	return Reason{Code: "stream." + name, Answer: Exception, Meaning: meaning,
		Cure: "publish with the CMS or with stagelock publish; if the CMS wrote it, set engine.line to its version and" +
			" report the reference"}
}
