"""Pages that a run's reports are read as: one of our own (templates, always), and Allure's (where Node.js is)."""
