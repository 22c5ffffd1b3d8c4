"""One anchor per container: it holds the job, answers the verbs, and ends with the container."""
