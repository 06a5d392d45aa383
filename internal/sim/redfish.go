package sim

import "github.com/drover-hpc/drover/internal/bmc"

// BMCView is a BMC as the control interface shows it: its account, and what is
// peculiar about it.
type BMCView struct {
	Xname     string `json:"xname"`
	Character string `json:"character"`
	Address   string `json:"address"`
	Username  string `json:"username"`
	Password  string `json:"password"`
}

// character is the name of the BMC's.
func (f *Fleet) character(i int) string {
	if names := f.opts.Characters; len(names) > 0 {
		return names[i%len(names)]
	}
	return bmc.CharacterNames()[0]
}

func (f *Fleet) bmcViews() []BMCView {
	accounts := f.BMCs()
	views := make([]BMCView, len(accounts))
	for i, a := range accounts {
		views[i] = BMCView{Xname: a.Xname, Character: f.character(i), Address: a.Address, Username: a.Username, Password: a.Password}
	}
	return views
}
