package adv

import "github.com/juxta-p2p/juxta/id"

const (
	typeModuleClass = "jxta:MCA"
	typeModuleSpec  = "jxta:MSA"
)

// ModuleClass advertises that a kind of service exists: jxta:MCA. Anybody may
// sign it.
type ModuleClass struct {
	MCID id.ModuleClass // required
	Name string
	Desc string
}

// Type returns "jxta:MCA".
func (*ModuleClass) Type() string { return typeModuleClass }

// Kind returns KindModule.
func (*ModuleClass) Kind() Kind { return KindModule }

// ID returns the MCID.
func (m *ModuleClass) ID() id.ID { return m.MCID }

// Index returns Name and MCID.
func (m *ModuleClass) Index() []Attr {
	return index(Attr{"Name", m.Name}, Attr{"MCID", m.MCID.String()})
}

// Element returns the document's tree.
func (m *ModuleClass) Element() *Element {
	return branch(typeModuleClass, leafID("MCID", m.MCID), leaf("Name", m.Name), leaf("Desc", m.Desc))
}

func parseModuleClass(f *fields) *ModuleClass {
	return &ModuleClass{MCID: required(f, "MCID", id.ParseModuleClass), Name: f.Value("Name"), Desc: f.Value("Desc")}
}

// ModuleSpec advertises how a service is spoken to: jxta:MSA. Anybody may sign
// it.
type ModuleSpec struct {
	MSID    id.ModuleSpec // required
	Version string        // Vers, required
	Name    string
	Desc    string
	Creator string   // Crtr
	SpecURI string   // SURI, where the specification can be read
	Parm    *Element // parameters, an element of the name Parm; or nil
	Pipe    *Pipe    // by which the service is reached, or nil
	Proxy   string   // specification ID of a proxy module
	Auth    string   // specification ID of an authenticator module
}

// Type returns "jxta:MSA".
func (*ModuleSpec) Type() string { return typeModuleSpec }

// Kind returns KindModule.
func (*ModuleSpec) Kind() Kind { return KindModule }

// ID returns the MSID.
func (m *ModuleSpec) ID() id.ID { return m.MSID }

// Index returns Name and MSID.
func (m *ModuleSpec) Index() []Attr {
	return index(Attr{"Name", m.Name}, Attr{"MSID", m.MSID.String()})
}

// Element returns the document's tree.
func (m *ModuleSpec) Element() *Element {
	var pipe *Element
	if m.Pipe != nil {
		pipe = m.Pipe.Element()
	}
	return branch(typeModuleSpec, leafID("MSID", m.MSID), leaf("Vers", m.Version), leaf("Name", m.Name),
		leaf("Desc", m.Desc), leaf("Crtr", m.Creator), leaf("SURI", m.SpecURI), m.Parm, pipe,
		leaf("Proxy", m.Proxy), leaf("Auth", m.Auth))
}

func parseModuleSpec(f *fields) *ModuleSpec {
	m := &ModuleSpec{
		MSID:    required(f, "MSID", id.ParseModuleSpec),
		Version: f.text("Vers"),
		Name:    f.Value("Name"),
		Desc:    f.Value("Desc"),
		Creator: f.Value("Crtr"),
		SpecURI: f.Value("SURI"),
		Parm:    f.Find("Parm"),
		Proxy:   f.Value("Proxy"),
		Auth:    f.Value("Auth"),
	}
	if e := f.Find(typePipe); e != nil {
		inner := &fields{Element: e}
		m.Pipe = parsePipe(inner)
		if inner.err != nil {
			f.fail("%s: %w", typePipe, inner.err)
		}
	}
	return m
}
