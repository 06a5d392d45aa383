package httpapi

// Merge puts patch onto doc, both decoded JSON objects: objects merge key by
// key, arrays and scalars (null included) replace. It alters and returns doc.
func Merge(doc, patch map[string]any) map[string]any {
	if doc == nil {
		doc = make(map[string]any, len(patch))
	}
	for k, v := range patch {
		sub, isObject := v.(map[string]any)
		old, wasObject := doc[k].(map[string]any)
		if isObject && wasObject {
			doc[k] = Merge(old, sub)
		} else {
			doc[k] = v
		}
	}
	return doc
}
