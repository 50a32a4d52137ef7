package native

import "time"

// EndPlaces is for how many refused requests at once a body is read.
const EndPlaces = endPlaces

// Await sets how long a body is waited for. It is called before the first connection.
func (s *Server) Await(d time.Duration) { s.endTime = d }

// MaxStreams is how many requests at once a connection may have.
const MaxStreams = maxStreams

// Taken sets within which times a client takes an answer and a refusal. It is called before the first connection.
func (s *Server) Taken(answer, refusal time.Duration) { s.answer, s.refusal = answer, refusal }

// Awaits is for how many of them a body is read now.
func (s *Server) Awaits() int { return len(s.ends) }
