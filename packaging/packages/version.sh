#!/bin/sh
# version.sh DESCRIBED TIME COMMIT: the version of the packages. DESCRIBED is what git describe says, TIME the commit's
# in seconds. What has no tag before it gets 0~git with the time, so that later ones are newer:
#
#	v1.2.0            1.2.0
#	v1.2.0-rc1        1.2.0~rc1
#	v1.2.0-14-gabc    1.2.0+14.gabc     newer than 1.2.0
#	abc, abc-dirty    0~git20261129130405.abc
set -eu
described=${1#v}
dirty=""
case $described in
*-dirty) described=${described%-dirty} dirty=+dirty ;;
esac
case $described in
[0-9]*.*)
	count=$(printf %s "$described" | sed -n 's/^.*-\([0-9][0-9]*-g[0-9a-f][0-9a-f]*\)$/\1/p')
	tag=${described%"${count:+-$count}"}
	version=$(printf %s "$tag" | tr - '~')${count:++$(printf %s "$count" | tr - .)}
	;;
*) version=0~git$(date -u -d "@$2" +%Y%m%d%H%M%S).$(printf %.12s "$3") ;;
esac
printf '%s\n' "$version$dirty"
