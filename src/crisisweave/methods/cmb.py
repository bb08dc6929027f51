"""CMB: the image becomes a caption, and one text encoder reads tweet and caption (thesis, chapter 4).

The modality translator (captioning) is not trained with the classifier; it is a step of its own. Tweet and
caption reach BERT as a pair with different token types; the token states are averaged; the head is linear –
ReLU – dropout – linear (4.4.3). What differs from the text classifier is therefore its input alone, and
this module says so.
"""

from __future__ import annotations

from crisisweave.methods.text import TextClassifier

build = TextClassifier
