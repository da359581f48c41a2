# Every command a person needs. Each one installs what it lacks first (Debian 12 or 13, as root) and says so.

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1	\2/p' Makefile | expand -t 14

demo: ## whole story on a throw-away host: three guests start, the ledger tells (KEEP=1 leaves the host up)
	@KEEP=$(KEEP) scripts/demo

test: ## everything: lint, types, unit, integration, package, test hosts
	@scripts/test

deb: ## dist/ovs-port-agent_<version>_all.deb
	@scripts/bootstrap
	@scripts/deb

bench: ## measurements, each beside what it is compared with
	@scripts/bootstrap
	@scripts/bench

matrix: ## the whole fault matrix: each daemon killed, frozen and restarted at every moment (an hour)
	@scripts/matrix

lint: ## style, types, and the arrows between the rooms
	@scripts/bootstrap
	@scripts/lint

.PHONY: help demo test deb bench matrix lint
