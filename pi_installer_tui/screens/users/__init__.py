"""The screens of Users: who can log in and how, and one account with all that is known of it."""
