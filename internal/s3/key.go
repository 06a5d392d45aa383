package s3

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3err"
)

// maxName is the longest name of a file.
const maxName = 255

// unfit tells why no file can have the key as its path, "" if one can. Such a
// key would name the same file as another one, or none. A slash at the end
// makes a folder.
func unfit(key string) string {
	names := strings.Split(strings.TrimSuffix(key, "/"), "/")
	if names[0] == posix.MetaTmpDir {
		return fmt.Sprintf("begins with %q, where uploads are kept", posix.MetaTmpDir)
	}
	for _, name := range names {
		switch {
		case name == "":
			return "has an empty name before a slash"
		case name == ".", name == "..":
			return fmt.Sprintf("has %q between slashes", name)
		case len(name) > maxName:
			return fmt.Sprintf("has a name of more than %d bytes between slashes", maxName)
		case strings.Contains(name, "\x00"):
			return "has a zero byte"
		}
	}
	return ""
}

// checkKey refuses a key that cannot be kept.
func checkKey(key string) error {
	if why := unfit(key); why != "" {
		return refused("InvalidArgument", http.StatusBadRequest, "the key %q %s", key, why)
	}
	return nil
}

// checkPlace refuses a key that cannot be kept beside an object of the bucket,
// whose directory is dir.
func checkPlace(dir, key string) error {
	for i, c := range key {
		if c != '/' || i == len(key)-1 {
			continue
		}
		info, err := os.Lstat(filepath.Join(dir, key[:i]))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !info.IsDir() {
			return refused("ObjectParentIsFile", http.StatusConflict, "%q cannot be kept beside the object %q: a file is no folder", key, key[:i])
		}
	}
	info, err := os.Lstat(filepath.Join(dir, key))
	switch folder := strings.HasSuffix(key, "/"); {
	case err != nil:
		return nil
	case folder && !info.IsDir():
		return refused("ObjectParentIsFile", http.StatusConflict, "%q cannot be kept beside the object %q: the slash makes a folder", key, strings.TrimSuffix(key, "/"))
	case !folder && info.IsDir():
		return refused("ExistingObjectIsDirectory", http.StatusConflict, "%q cannot be kept beside objects whose keys begin with %q: a folder is no file", key, key+"/")
	}
	return nil
}

// inWords puts words to the library's refusals of what a directory cannot hold.
func inWords(err error, dir, key string) error {
	var e s3err.APIError
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case "ObjectParentIsFile", "ExistingObjectIsDirectory":
		if why := checkPlace(dir, key); why != nil {
			return why
		}
	case "DirectoryObjectContainsData":
		return refused(e.Code, e.HTTPStatusCode, "the slash at the end of %q makes a folder, which has no data", key)
	}
	return err
}

func refused(code string, status int, format string, args ...any) error {
	return s3err.APIError{Code: code, HTTPStatusCode: status, Description: "Objects are kept as files, with their keys as paths: " + fmt.Sprintf(format, args...) + "."}
}
