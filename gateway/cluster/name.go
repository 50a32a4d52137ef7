package cluster

import (
	"fmt"
	"os"

	"github.com/stagelock/stagelock/conf"
)

// NodeName is what other gateways and the log know a gateway by.
func NodeName(c *conf.Config) (string, error) {
	if c.Store == "postgres" && c.Cluster.Node != "" {
		return c.Cluster.Node, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name of this machine: %w", err)
	}
	return name, nil
}
