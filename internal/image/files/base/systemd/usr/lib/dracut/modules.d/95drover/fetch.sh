#!/bin/sh
# rd.live.etag=ETAG: have curl ask for that root file system and no other; the
# store answers 412 if it has another one. What goes wrong is all it shall say.
. /lib/url-lib.sh # names the folder with curl's settings
echo silent >>"$CURL_HOME/.curlrc"
etag=$(getarg rd.live.etag=)
[ -z "$etag" ] || printf 'header = "If-Match: \\"%s\\""\n' "$etag" >>"$CURL_HOME/.curlrc"
