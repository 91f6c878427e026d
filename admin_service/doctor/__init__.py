"""`python -m admin_service.doctor`: examines a deployment as one of its processes sees it."""
