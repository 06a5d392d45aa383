# Drover's commands for developers. Each installs what it needs (scripts/need.sh).

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  = -s -w -X github.com/drover-hpc/drover/internal/server.Version=$(VERSION)

.PHONY: build test test-race lint demo demo-repeat soak kill-test bench bench-page bench-guard ansible-matrix redfish-check cloud-init-check s3-clients virtual-check image-check kiwi-check arm-check ara-check test-kafka test-keycloak test-objectstore test-browser test-kubernetes traces-check figures-check helm-check replicas-check upgrade-check container container-check packages packages-check dhcp-check cross clean

build: ## bin/drover, static, and the link bin/cray
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/drover ./cmd/drover
	ln -sf drover bin/cray

cross: ## static binaries for amd64 and arm64; before a release, for make test does not build for arm64
	for arch in amd64 arm64; do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/drover-linux-$$arch ./cmd/drover || exit 1; \
	done

# What is no race detector's is built without cgo, as the product is: another set of all packages would take minutes.
lint test bench-guard: export CGO_ENABLED = 0

# Where goroutines meet in memory: make test runs these with the race detector, too. All of the
# services' packages would need a second set of all that they import, for which there is make test-race.
RACED = ./internal/events ./internal/batch ./internal/admission ./internal/redfish ./internal/store ./internal/journal ./internal/pcs \
	./internal/hsm ./internal/cfs/batcher ./internal/cfs/operator ./internal/traces

lint:
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "run gofmt on: $$files"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

test: ## format, vet, staticcheck, bench-guard, every test, those of RACED with -race
	scripts/need.sh git git-lfs ansible ssh postgres cc
	-scripts/need.sh qemu image # without them the tests of virtual nodes are skipped
	-scripts/need.sh sshd qemu-user # likewise some of image jobs
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory bench-guard
	@# Memory is compared with what a restart would read. All is almost as nice as jobs are, whose niceness is tested: else those of e2e would wait for the other packages.
	DROVER_CHECK_STORE=yes nice -n 9 $(GO) test -vet=off -timeout 40m $$($(GO) list ./... | grep -vxF "$$($(GO) list $(RACED))") # lint vets
	CGO_ENABLED=1 DROVER_CHECK_STORE=yes nice -n 9 $(GO) test -race -vet=off -timeout 40m $(RACED)
	DROVER_LOCAL_JSON=1 $(GO) test -vet=off ./internal/bos/clients # services of one process meet as over the network, as in some tests of e2e

test-race: ## every test with -race, which takes three quarters of an hour on two processors
	scripts/need.sh git git-lfs ansible ssh postgres cc
	-scripts/need.sh qemu image
	-scripts/need.sh sshd qemu-user
	DROVER_CHECK_STORE=yes nice -n 9 $(GO) test -race -vet=off -timeout 60m ./...
	DROVER_LOCAL_JSON=1 $(GO) test -race -vet=off ./internal/bos/clients

demo: ## boot and configure eight simulated nodes, REAL=1: two virtual ones; KEEP=1 leaves the server running
	scripts/need.sh git ansible ssh $(if $(REAL),qemu image)
	$(MAKE) --no-print-directory build
	KEEP=$(KEEP) examples/demo$(if $(REAL),-real).sh

demo-repeat: ## the demo N times (20) in a row, beside a load on every core
	scripts/need.sh git ansible ssh
	$(MAKE) --no-print-directory build
	scripts/repeat-demo.sh $(or $(N),20)

soak: ## SOAK_TIME (10m) of sessions, faults of BMCs and kills of the server on SOAK_NODES (200), judged by the BMCs' own record
	scripts/need.sh git ansible ssh
	$(GO) run ./soak -time $(or $(SOAK_TIME),10m) -nodes $(or $(SOAK_NODES),200)

kill-test: ## 200 kills of the server (KILLS) at any moment of reboots and shutdowns of 30 nodes (NODES), judged in the same way
	scripts/need.sh git
	$(GO) run ./soak -kills $(or $(KILLS),200) -time 1h -nodes $(or $(NODES),30) -configured 0 -spell 6s -off-wait 5s

bench: ## the table of docs/performance.md on this machine, OLD=REVISION: beside that of another build
	scripts/need.sh git ansible ssh postgres nginx
	@set -e; tools=$$(scripts/need.sh ara | tail -1); ARA_TOOLS="$$tools" $(GO) run ./bench $(if $(OLD),-old $(OLD))

bench-page: ## likewise, and docs/performance.md, .json and .svg brought up to date: ONLY=ROWS, OLD=REVISION
	scripts/need.sh git ansible ssh postgres nginx
	$(GO) run ./bench -page docs/performance $(if $(ONLY),-only $(ONLY)) $(if $(OLD),-old $(OLD))

bench-guard: ## what a reboot of 300 nodes may allocate, write, decode and ask for: the counts of bench/ceilings.json
	scripts/need.sh git
	$(GO) run ./bench -guard bench/ceilings.json

ansible-matrix: ## the table of docs/ansible.md: what is reported under which Ansible
	scripts/need.sh git ansible ssh
	@set -e; matrix="$$(ansible-playbook --version | sed -n '1s/.*core \(2\.[0-9]*\).*/\1/p')=$$(dirname "$$(command -v ansible-playbook)")"; \
	for v in 2.16 2.17 2.19 newest; do \
		bin=$$(scripts/need.sh ansible-$$v | tail -1); \
		matrix="$$matrix $$("$$bin/ansible-playbook" --version | sed -n '1s/.*core \(2\.[0-9]*\).*/\1/p')=$$bin"; \
	done; \
	echo "$$matrix"; \
	ANSIBLE_MATRIX="$$matrix" ANSIBLE_TABLE=$(CURDIR)/docs/ansible.md $(GO) test -count=1 -timeout 60m -run 'TestAppliedIsWhoGotToTheEndOfThePlay|TestEachResultOfATaskIsRecorded' ./internal/aee

redfish-check: ## the table of docs/simulation.md: DMTF's service validator and sushy against the simulated BMCs
	@set -e; tools=$$(scripts/need.sh redfish | tail -1); \
	REDFISH_TOOLS="$$tools" REDFISH_TABLE=$(CURDIR)/docs/simulation.md $(GO) test -v -count=1 -timeout 20m -run TestRedfishClients ./internal/sim

cloud-init-check: ## Debian's cloud-init reads what BSS has for a node
	scripts/need.sh git venv
	$(MAKE) --no-print-directory build
	scripts/cloud-init-check.sh

s3-clients: ## the table of docs/s3.md: what boto3, aws, s3cmd, rclone and minio-go do on the object store
	@set -e; clients=$$(scripts/need.sh s3-clients | tail -1); \
	S3_CLIENTS="$$clients" S3_TABLE=$(CURDIR)/docs/s3.md $(GO) test -count=1 -timeout 10m -run TestS3ClientsTable ./internal/s3

virtual-check: ## all that is tested on virtual nodes
	scripts/need.sh git ansible ssh qemu image
	VIRTUAL_CHECK=yes $(GO) test -v -count=1 -timeout 40m -run Virtual ./e2e

image-check: ## an image is built of Debian's packages, customised by CFS sessions and booted on a virtual node, all by API
	scripts/need.sh git ansible ssh qemu image sshd
	IMAGE_CHECK=yes $(GO) test -v -count=1 -timeout 20m -run 'TestRealImage|TestImageOfADroverRecipe' ./internal/image ./internal/ims/imagejob
	IMAGE_CHECK=yes $(GO) test -v -count=1 -timeout 40m -run TestConfigurationSessionsOnImages ./e2e

kiwi-check: ## an image of a recipe by the real kiwi-ng, which needs a minute and the network
	scripts/need.sh image sshd
	@set -e; kiwi=$$(scripts/need.sh kiwi | tail -1); \
	PATH="$$kiwi:$$PATH" KIWI_CHECK=yes $(GO) test -v -count=1 -timeout 15m -run TestImageOfARecipeByTheRealKiwi ./internal/ims/imagejob

arm-check: ## an image of Debian for aarch64 is customised by emulation, which needs minutes and the network
	scripts/need.sh image sshd qemu-user
	ARM_CHECK=yes $(GO) test -v -count=1 -timeout 30m -run TestDebianForAnotherArchitecture ./internal/ims/imagejob

ara-check: ## a session records itself in the real ARA of PyPI when ara-url is set
	scripts/need.sh git ansible ssh
	@set -e; tools=$$(scripts/need.sh ara | tail -1); \
	ARA_TOOLS="$$tools" $(GO) test -v -count=1 -timeout 10m -run TestSessionIsRecordedInARA ./internal/aee

test-kafka: ## session events through a real Apache Kafka of Maven Central: the suite of queues, SASL, 5,000 sessions with the broker killed twice
	@libs=$$(scripts/need.sh kafka | tail -1) && test -d "$$libs" || { echo "skipped: Apache Kafka could not be had from Maven Central, see above"; exit 0; }; \
	export KAFKA_LIBS="$$libs"; \
	$(GO) test -v -count=1 -p 1 -timeout 30m ./internal/kafka ./internal/cfs/operator && \
	$(GO) test -v -count=1 -timeout 30m -run Kafka ./internal/server

test-keycloak: ## tokens of a real Keycloak of Maven Central: whom they let in, and which do not count
	@home=$$(scripts/need.sh keycloak | tail -1) && test -d "$$home" || { echo "skipped: Keycloak could not be had from Maven Central, see above"; exit 0; }; \
	KEYCLOAK_HOME="$$home" $(GO) test -v -count=1 -timeout 15m -run Keycloak ./internal/server

traces-check: ## a real Jaeger shows the traces of boots, of sessions too that ended while it was away and the server killed
	@jaeger=$$(scripts/need.sh jaeger | tail -1) && test -x "$$jaeger" || { echo "skipped: Jaeger could not be built, see above"; exit 0; }; \
	JAEGER="$$jaeger" $(GO) test -v -count=1 -timeout 15m -run TraceAtJaeger ./e2e

test-objectstore: ## credentials that a real Ceph makes: what they are for, and that its own keys are kept
	scripts/need.sh git ceph
	CEPH_CHECK=yes $(GO) test -v -count=1 -timeout 10m -run RealCeph ./internal/server

test-browser: ## a real, headless Chromium: Drover's pages with fleets of 1,000 and 10,000; pages of other sites change and read nothing
	scripts/need.sh git ansible ssh chromium
	@# The tag keeps 70 packages, of what only these tests use, out of make test.
	$(GO) vet -tags browser ./internal/web/... ./e2e
	$(GO) tool staticcheck -tags browser ./internal/web/... ./e2e
	CHROMIUM=$$(command -v chromium) $(GO) test -tags browser -v -count=1 -timeout 15m -run Browser ./internal/web
	CHROMIUM=$$(command -v chromium) $(GO) test -tags browser -v -count=1 -timeout 20m -run 'TestPagesOfOtherSites|TestPagesOfAFleetInABrowser' ./e2e

replicas-check: ## two servers on one PostgreSQL database, 200 nodes: either is killed, or stands still, at every stage of a reboot, and the database is away
	scripts/need.sh git ansible ssh postgres
	REPLICAS_CHECK=200 $(GO) test -v -count=1 -timeout 60m -run TestAnotherServerTakesThePlace ./e2e

# The last revision with schema 24.
OLDER ?= 78429ea
upgrade-check: ## from the version OLDER to this one, server by server, while nodes reboot
	scripts/need.sh git ansible ssh postgres
	@set -e; tree=$$(mktemp -d); trap 'git worktree remove --force "$$tree/older"; rm -rf "$$tree"' EXIT; \
	git worktree add -q --detach "$$tree/older" $(OLDER); \
	$(MAKE) --no-print-directory -C "$$tree/older" build; \
	OLDER_DROVER="$$tree/older/bin/drover" $(GO) test -v -count=1 -timeout 20m -run TestAnUpgradeGoesServerByServer ./e2e

test-kubernetes: VERSION := $(VERSION)
test-kubernetes: ## sessions, agents and image jobs as Jobs of a real Kubernetes that is built once (minutes) and run here, as root: outcomes, kills, outages, the manifests, a rate
	scripts/need.sh git ansible ssh sshd image
	$(MAKE) --no-print-directory container VERSION=$(VERSION)
	@set -e; export KUBERNETES_PROGRAMS=$$(scripts/need.sh kubernetes | tail -1) KUBERNETES_IMAGE=drover.local/drover:$(VERSION) \
		KUBERNETES_ARCHIVE=$(CURDIR)/bin/container/drover.tar; \
	$(GO) test -v -count=1 -timeout 40m -run Kubernetes ./e2e

figures-check: ## the rules of alerts and the dashboard are PromQL, by Prometheus's own parser
	cd packaging/prometheus/check && $(GO) vet ./... && $(GO) test -count=1 ./...

helm-check: ## the Helm chart and `drover kubernetes manifests` are the same objects, by Helm's own engine
	cd packaging/helm/check && $(GO) vet ./... && $(GO) test -count=1 ./...

container: ## bin/container: an image of Drover on a small Debian as docker archive and OCI layout, and its SBOM; the same commit makes the same bytes
	scripts/need.sh image
	$(MAKE) --no-print-directory build
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(GO) -C packaging/container run . -binary $(CURDIR)/bin/drover \
		-version $(VERSION) -revision $$(git rev-parse HEAD) -out $(CURDIR)/$(or $(CONTAINER),bin/container)

container-check: VERSION := $(VERSION)
container-check: ## the image is built twice, compared, and run by a containerd of its own, as root: drover version, drover serve --simulate 2
	scripts/need.sh containerd
	cd packaging/container && $(GO) vet ./... && $(GO) test ./...
	$(MAKE) --no-print-directory container VERSION=$(VERSION)
	$(MAKE) --no-print-directory container VERSION=$(VERSION) CONTAINER=bin/container-again
	diff -r bin/container bin/container-again
	rm -rf bin/container-again
	packaging/container/check.sh bin/container/drover.tar drover.local/drover:$(VERSION) $(VERSION)

# ARCHS are those of Go.
ARCHS ?= amd64 arm64
packages: ## bin/packages: deb and rpm for amd64 and arm64 (ARCHS); the same commit makes the same bytes
	GO=$(GO) packaging/packages/build.sh $(VERSION) $(CURDIR)/bin/packages $(ARCHS)

packages-check: VERSION := $(VERSION)
packages-check: ## the packages are built twice, compared, installed, upgraded and removed, as root: the deb in a Debian that boots, where its server runs a session
	scripts/need.sh image packages
	packaging/packages/version-test.sh
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; arch=$$($(GO) env GOARCH); export GO=$(GO); \
	packaging/packages/build.sh $(VERSION) "$$dir/one" $$arch; \
	(umask 077; TZ=Asia/Tokyo LC_ALL=C packaging/packages/build.sh $(VERSION) "$$dir/two" $$arch); \
	diff -r "$$dir/one" "$$dir/two"; \
	CONFIGURATION_NOTE="another" packaging/packages/build.sh v9999.0.0 "$$dir/newer" $$arch; \
	packaging/packages/check.sh "$$dir/one" "$$dir/newer"

dhcp-check: ## dnsmasq and Kea take the configurations of examples/dhcp
	scripts/need.sh dhcp
	dnsmasq --test --conf-file=examples/dhcp/dnsmasq.conf
	kea-dhcp4 -t examples/dhcp/kea-dhcp4.conf

clean:
	rm -rf bin demo-data
