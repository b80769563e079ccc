"""Pages that a run's reports are read as: the matrix (pure Python, always) and Allure's page (where Node.js is)."""
