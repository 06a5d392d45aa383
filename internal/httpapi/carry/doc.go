// Package carry hands a value over to a variable, of the same type or of
// another one, as decoding the value's JSON into the variable would, without
// the text in between.
//
//	Into(&variable, value) ─► plan of the two types, made once ─► field by field, by the names in JSON
//	                                                     └─► a type that writes its own JSON: by that JSON
//
// The two ends share nothing that can be altered: slices, maps and what
// pointers point to are copied.
package carry
