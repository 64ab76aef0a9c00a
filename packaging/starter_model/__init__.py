"""The demonstration model inside Athanor: its corpus, its training, its file and its examination.

    make starter-model                                from nothing to assets/models
    PYTHONPATH=packaging python -m starter_model --help

Nothing of this is needed to run Athanor; requirements.txt lists what it needs besides.
"""
