"""The vocabulary everybody shares: resources, agents, tenants, tasks, reasons. Pure values, no behaviour beyond arithmetic."""
