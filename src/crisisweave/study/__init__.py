"""Human evaluation of image rationales: a page for raters, a key for the researcher, and the scores."""
