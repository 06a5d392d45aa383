package overview

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/xname"
)

// PowerTable is what PCS says of components: lines of those that are alike. all are the
// names that an asterisk stands for.
func PowerTable(list []pcs.PowerStatus, all []string) []string {
	if len(list) == 0 {
		return []string{"No components."}
	}
	type alike struct{ power, management, trouble string }
	list = slices.SortedFunc(slices.Values(list), func(a, b pcs.PowerStatus) int { return xname.Compare(a.Xname, b.Xname) })
	var order []alike
	names := map[alike][]string{}
	for i := range list {
		one := &list[i]
		key := alike{string(one.PowerState), string(one.ManagementState), strings.ReplaceAll(one.Error, one.Xname, itsName)}
		if names[key] == nil {
			order = append(order, key)
		}
		names[key] = append(names[key], one.Xname)
	}
	among := xname.NewAmong(all)
	rows := [][]string{{"NODES", "POWER", "BMC", "COUNT", "ERROR"}}
	for _, key := range order {
		trouble := key.trouble
		if len(names[key]) == 1 {
			trouble = strings.ReplaceAll(trouble, itsName, names[key][0])
		}
		rows = append(rows, []string{brief(among, names[key]), cmp.Or(key.power, "-"), cmp.Or(key.management, "-"), strconv.Itoa(len(names[key])), trouble})
	}
	if !slices.ContainsFunc(order, func(key alike) bool { return key.trouble != "" }) {
		for i := range rows {
			rows[i] = rows[i][:len(rows[i])-1]
		}
	}
	return columns(rows)
}
