"""What things weigh, and what a retailer needs."""
