"""From plans and probabilities of churn to what is done with each customer, and what that is worth."""
