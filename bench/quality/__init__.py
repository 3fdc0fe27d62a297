"""Quality: does a search find what was said, however long ago it was?"""
