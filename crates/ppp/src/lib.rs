//! A sans-IO PPP link: LCP, authentication, CCP with MPPE, IPCP and IPv6CP.

#![forbid(unsafe_code)]
