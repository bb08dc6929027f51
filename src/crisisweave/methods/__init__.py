"""Method families. Each module builds one: `build(config, n_classes, encoders) -> Classifier`.

Adding a method is one module here (if its family is new) and one file in config/methods/.
"""
