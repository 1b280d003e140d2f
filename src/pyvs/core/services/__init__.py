"""What is offered: services, their destinations, and how they are found."""
