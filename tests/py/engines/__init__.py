"""Container engines that drive scrun on the test cluster as their users do."""
