"""The workload that engines are compared by."""
