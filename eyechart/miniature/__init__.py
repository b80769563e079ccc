"""The miniature zoo: images that the project renders, and four small models that it trained on them."""
