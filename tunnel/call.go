package tunnel

// Method names one remote method: equal methods have equal Signature.
type Method struct {
	Service    string   // class name, such as com.liferay.exportimport.kernel.service.StagingServiceUtil
	Name       string   // such as createStagingRequest
	Parameters []string // parameter types as Java prints them: long, java.lang.String, [B
}

// Signature returns service#name(type,type), the form that is logged and compared.
func (m Method) Signature() string {
	n := len(m.Service) + len(m.Name) + 3
	for _, p := range m.Parameters {
		n += len(p) + 1
	}
	b := make([]byte, 0, n)
	b = append(b, m.Service...)
	b = append(b, '#')
	b = append(b, m.Name...)
	b = append(b, '(')
	for i, p := range m.Parameters {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p...)
	}
	return string(append(b, ')'))
}

// Principal is who the body of a call says it comes from. Live engines from 6.2 on ignore it; the
// gateway compares it.
type Principal struct {
	CompanyID int64
	Login     string
	HasLogin  bool // false if the body carries null
	URL       string
}

// Call is one remote call that was read and found well formed, whatever wire it came on.
type Call struct {
	Line      string // wire profile of the writer: 6.2 or 7.x
	Principal Principal
	Method    Method
	// Args holds the arguments as plain values: int64 (Long and Integer), bool, string, nil,
	// map[string]any for a map (a Long key in decimal), []any for lists and arrays, []int64 for
	// long[], time.Time for a Date, Content for the bytes of a part.
	Args []any
	// Settings is the settings map of a publish by configuration, in the same plain values; nil if
	// the call carries none.
	Settings map[string]any
}

// Content stands for the bytes of a part, which stream by and are not kept.
type Content struct {
	Size int64
}
