"""What operators of the deployment see and change of every organization."""
