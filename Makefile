# Targets with a comment behind ## are printed by make help.
.DEFAULT_GOAL := help
.PHONY: help cluster cluster-long build packages test race lint fuzz bench benchmarks growth pgo reports interop calls prove generate clean

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 10s
# What a release is compiled by; it has no name that go build finds by itself: every build would compile all anew.
PROFILE = cmd/stagelock/release.pgo
# The command line's library renders its own manual from Markdown; ours is written elsewhere, so a release leaves that out.
TAGS = urfave_cli_no_docs
# A process with the race detector waits a second before it ends, and the tests start thousands.
RACE = GORACE=atexit_sleep_ms=20
NFPM ?= $(GO) run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
# A version that is no tag is older than every release.
PACKAGE_VERSION ?= $(if $(filter v%,$(VERSION)),$(patsubst v%,%,$(VERSION)),0.0.0~$(VERSION))

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/stagelock for this machine
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -pgo $(PROFILE) -ldflags '-s -w -X main.version=$(VERSION)' -o bin/stagelock ./cmd/stagelock

packages: build ## deb and rpm in dist, with manual page, completions, units and bill of materials
	@mkdir -p dist
	bin/stagelock man | gzip -9n > dist/stagelock.8.gz
	for s in bash zsh fish; do bin/stagelock completion $$s > dist/stagelock.$$s || exit 1; done
	bin/stagelock version --sbom > dist/stagelock.cdx.json
	for p in deb rpm; do ARCH=$$($(GO) env GOARCH) VERSION=$(PACKAGE_VERSION) \
	  $(NFPM) package --config cmd/stagelock/packaging/nfpm.yaml --packager $$p --target dist/ || exit 1; done

test: ## pass the tests; needs Go only, what needs more says so and skips
	$(GO) test -shuffle=on -timeout 30m ./...

race: ## pass the tests with the race detector
	CGO_ENABLED=1 $(RACE) $(GO) test -race -timeout 40m ./...

lint: ## vet, staticcheck and golangci-lint with .golangci.yml
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run

fuzz: ## run every fuzz target for FUZZTIME (10s)
	@set -e; for p in $$($(GO) list ./...); do \
	  for t in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$t"; $(GO) test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$p; \
	  done; done

prove: ## show every promise with its number; PROVE=long tries the full counts
	$(GO) run ./integration/prove

bench: build ## measure the gateway beside nginx, HAProxy and Caddy, whatever is installed; BENCH=-short takes two minutes
	$(GO) run ./integration/bench -stagelock bin/stagelock $(BENCH)

pgo: build ## take the profile anew that a release is compiled by
	@set -e; dir=$$(mktemp -d); trap 'rm -r "$$dir"' EXIT; \
	$(GO) run ./integration/bench -stagelock bin/stagelock -rounds 1 -period 8s -rivals '^stagelock$$' \
	  -scenes '^(read|create)/(1|16|64)$$|^parts' -profile "$$dir"; \
	$(GO) tool pprof -proto "$$dir"/*.pprof > $(PROFILE)

growth: ## what grows with hosts, requests, parts and the audit log; GROWTH="-most 1000000" goes further
	$(GO) run ./integration/growth $(GROWTH)

benchmarks: ## run the benchmarks of single rooms
	$(GO) test -run '^$$' -bench . -benchmem ./...

reports: build ## what operators reported, each case against the binary, as a table
	@cd integration/reports && STAGELOCK=../../bin/stagelock $(GO) test -count=1 -timeout 5m -run TestReports -table

interop: ## the vendor's own client and servlet on both ends; says what is missing
	$(GO) test -count=1 -timeout 60m -run 'Interop' -v ./integration/liferay ./conf/format ./conf/vendor

cluster: ## two gateways, PostgreSQL and HAProxy on this machine: one is killed, the database stops, both restart
	$(GO) run ./cmd/stagelock demo --cluster

cluster-long: ## the figures of a cluster, for hours: kills, restarts, a fail-over, twins, nonces, a bad network
	$(GO) test -count=1 -timeout 3h -v -run 'TestCluster' ./integration -cluster-kills 1000 -rolls 100 -rollers 32 \
	  -cluster-twins 100000 -cluster-network 10m -cluster-latency 2s
	$(GO) test -count=1 -timeout 1h -v -run 'Restarts|FailOver|Nonces|BadNetwork' ./store/postgres -restarts 100 -nonces 10000 -network 10m -latency 2s

calls: ## print the remote calls in the vendor's jars: who makes them, from where they are reached
	@./integration/liferay/jvm/scan/scan

generate: ## make what is generated anew
	$(GO) generate ./...

clean: ## remove what was built
	rm -rf bin dist
