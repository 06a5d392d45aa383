#!/bin/sh
# Puts a real Apache Kafka into the user's cache, by Maven; the directory of its
# jars is the output. The artifacts have no scripts: tests start its classes.
set -eu
kafka=4.1.1
dir=${XDG_CACHE_HOME:-$HOME/.cache}/drover/kafka-$kafka
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
if [ ! -e "$dir/whole" ]; then
	rm -rf "$dir"
	mkdir "$dir"
	cat >"$dir/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>drover</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$kafka</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
	mvn -q -B -f "$dir/pom.xml" dependency:copy-dependencies -DoutputDirectory="$dir/libs" >&2
	touch "$dir/whole"
fi
echo "$dir/libs"
