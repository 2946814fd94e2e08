"""Consent: what people said yes or no to, by each way, and the log that tells when and why.

consents.py           opt-outs and opt-ins, by channel
tracking_consents.py  whether opens and clicks may be measured
address_opt_outs.py   an address that opted out, whoever has it
sign_ups.py           somebody asks for mail to an address, and whoever reads that mail confirms
doubts.py             consents that nobody could read, until a person decides
consent_words.py      where a wish came from, in words
"""
