"""What every process of Stocktide needs: settings, logs, metrics, connections, children, exit codes."""
